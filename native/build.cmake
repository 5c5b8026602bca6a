# Configures and builds in one go: what binding.gyp runs. BUILD is the build folder, TARGET what to build
# in it: all of the package unless set.
find_program(NINJA ninja)
set(generator)
# A folder that is configured already keeps its generator.
if(NINJA AND NOT EXISTS "${BUILD}/CMakeCache.txt")
  set(generator -G Ninja)
endif()
get_filename_component(source "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
execute_process(COMMAND ${CMAKE_COMMAND} -S "${source}" -B "${BUILD}" ${generator} -DCMAKE_BUILD_TYPE=Release
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "configuring failed")
endif()
if(NOT TARGET)
  set(TARGET all)
endif()
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
execute_process(COMMAND ${CMAKE_COMMAND} --build "${BUILD}" --target "${TARGET}" --parallel ${cores} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "the build failed")
endif()
