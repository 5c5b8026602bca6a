# One CUDA toolkit for all: the compiler, the headers and the runtime of CUDA_HOME, of CUDA_PATH, or of the nvcc on PATH.
# Kernels compiled by one version and linked to the runtime of another fail when they are launched, so that is an error here.
# Sets NVCC, CMAKE_CUDA_COMPILER and CMAKE_CUDA_ARCHITECTURES, and makes CUDA::cudart_static; without nvcc it does nothing.
unset(NVCC CACHE)
foreach(variable CUDA_HOME CUDA_PATH)
  if(DEFINED ENV{${variable}} AND NOT "$ENV{${variable}}" STREQUAL "" AND NOT NVCC)
    find_program(NVCC nvcc PATHS "$ENV{${variable}}/bin" NO_DEFAULT_PATH)
    if(NOT NVCC)
      message(FATAL_ERROR "${variable} is $ENV{${variable}}, where there is no bin/nvcc: correct it or unset it, or "
        "build without CUDA kernels (-DLEIA_CUDA=OFF).")
    endif()
  endif()
endforeach()
find_program(NVCC nvcc PATHS /usr/local/cuda PATH_SUFFIXES bin)
if(NOT NVCC)
  return()
endif()

# nvcc may be a link or a script in another folder than its toolkit, so it is asked where that is.
execute_process(COMMAND "${NVCC}" --dryrun -v leia.cu ERROR_VARIABLE said OUTPUT_QUIET)
execute_process(COMMAND "${NVCC}" --version OUTPUT_VARIABLE version ERROR_QUIET)
if(NOT said MATCHES "#\\$ TOP=([^\r\n]*)")
  message(FATAL_ERROR "${NVCC} does not say where its toolkit is; it said: ${said}")
endif()
get_filename_component(toolkit "${CMAKE_MATCH_1}" ABSOLUTE)
if(NOT version MATCHES "release ([0-9]+)\\.([0-9]+)")
  message(FATAL_ERROR "${NVCC} does not say its version; it said: ${version}")
endif()
set(CMAKE_CUDA_COMPILER "${NVCC}")
set(compiler "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}")

set(CUDAToolkit_ROOT "${toolkit}")
find_package(CUDAToolkit REQUIRED)
find_file(runtime_header cuda_runtime_api.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH NO_CACHE)
file(STRINGS "${runtime_header}" defined REGEX "#define CUDART_VERSION +[0-9]+")
string(REGEX MATCH "[0-9]+$" headers "${defined}")
math(EXPR major "${headers} / 1000")
math(EXPR minor "${headers} % 1000 / 10")
if(NOT "${major}.${minor}" STREQUAL "${compiler}")
  message(FATAL_ERROR "Two CUDA toolkits: ${NVCC} is of CUDA ${compiler}, but the headers in "
    "${CUDAToolkit_INCLUDE_DIRS} are of CUDA ${major}.${minor}. Set CUDA_HOME to the toolkit that is meant, and delete "
    "${CMAKE_BINARY_DIR} if it was configured with another one.")
endif()

# A100, H100/H200, and the first one's PTX for what comes after them. Set here, because CMake also asks the addon that
# the kernels are linked into for it.
set(CMAKE_CUDA_ARCHITECTURES 80 90a-real)
message(STATUS "CUDA ${compiler} in ${toolkit}")
