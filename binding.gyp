{
  "targets": [
    {
      "target_name": "leia",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building the native core with CMake",
          "inputs": [],
          "outputs": ["<(PRODUCT_DIR)/built-every-time-cmake-decides"],
          "action": ["cmake", "-DBUILD=<(PRODUCT_DIR)/../cmake", "-P", "native/build.cmake"]
        }
      ]
    }
  ]
}
