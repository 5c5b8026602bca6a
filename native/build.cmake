# Configures and builds in one go: what binding.gyp runs. BUILD is the build folder, TARGET what to build
# in it: all of the package unless set. CUDA: what LEIA_CUDA of CMakeLists.txt becomes, if set. JOBS: how many files
# are compiled at once, one for each core unless set.
find_program(NINJA ninja)
set(generator)
# A folder that is configured already keeps its generator.
if(NINJA AND NOT EXISTS "${BUILD}/CMakeCache.txt")
  set(generator -G Ninja)
endif()
get_filename_component(source "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(cuda)
if(DEFINED CUDA)
  set(cuda "-DLEIA_CUDA=${CUDA}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -S "${source}" -B "${BUILD}" ${generator} -DCMAKE_BUILD_TYPE=Release ${cuda}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "configuring failed")
endif()
if(NOT TARGET)
  set(TARGET all)
endif()
if(NOT JOBS)
  cmake_host_system_information(RESULT JOBS QUERY NUMBER_OF_LOGICAL_CORES)
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build "${BUILD}" --target "${TARGET}" --parallel ${JOBS} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "the build failed")
endif()
