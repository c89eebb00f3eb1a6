# How a library, a program and a test of Atelier are made.

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# LibTorch's own target, with its headers as SYSTEM and none of its warnings switches.
add_library(atelier_torch INTERFACE)
add_library(atelier::torch ALIAS atelier_torch)
set_target_properties(atelier_torch PROPERTIES EXPORT_NAME torch)
target_link_libraries(atelier_torch INTERFACE ${TORCH_LIBRARIES})
# OpenMP is what at::parallel_for works with; without it, it works alone. LibTorch brings one: a second one beside it
# would have threads of its own.
file(GLOB openmp_of_torch ${TORCH_INSTALL_PREFIX}/lib/libgomp*.so*)
if(openmp_of_torch)
  target_compile_options(atelier_torch INTERFACE ${OpenMP_CXX_FLAGS})
  list(GET openmp_of_torch 0 openmp_of_torch)
  target_link_libraries(atelier_torch INTERFACE "$<BUILD_INTERFACE:${openmp_of_torch}>" $<INSTALL_INTERFACE:OpenMP::OpenMP_CXX>)
else()
  target_link_libraries(atelier_torch INTERFACE OpenMP::OpenMP_CXX)
endif()
target_include_directories(atelier_torch SYSTEM INTERFACE "$<BUILD_INTERFACE:${TORCH_INCLUDE_DIRS}>")
# Its include folder carries a newer fmt than the system's library: next to LibTorch, fmt is its headers.
target_compile_definitions(atelier_torch INTERFACE FMT_HEADER_ONLY)

add_library(atelier_warnings INTERFACE)
target_compile_options(atelier_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast -Wcast-qual
  -Wimplicit-fallthrough -Wunused -Wduplicated-cond -Wlogical-op -Wformat=2 -Werror)
if(ATELIER_SANITIZE)
  # Instrumented code makes GCC 12 see uninitialised values in its own headers.
  target_compile_options(atelier_warnings INTERFACE -fsanitize=${ATELIER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -Wno-maybe-uninitialized $<$<CONFIG:RelWithDebInfo>:-O1>)
  target_link_options(atelier_warnings INTERFACE -fsanitize=${ATELIER_SANITIZE})
endif()
if(ATELIER_SANITIZE STREQUAL "thread")
  target_compile_options(atelier_warnings INTERFACE -Wno-tsan)
endif()

# What needs LibTorch shares one precompiled header, that of models, with tensors and modules: 4 s of each file that has it
# (with all of torch/torch.h, 11 s: each file instantiates what its headers leave pending). A layer's own header, such as
# torch/nn/modules/conv.h, is 7 s more: only where layers are built. WITHOUT names the files of `target` that need none.
function(atelier_precompile target)
  cmake_parse_arguments(arg "" "" "WITHOUT" ${ARGN})
  set_source_files_properties(${arg_WITHOUT} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if(target STREQUAL atelier_models)
    target_precompile_headers(${target} PRIVATE <torch/nn/module.h>)
    return()
  endif()
  target_precompile_headers(${target} REUSE_FROM atelier_models)
  target_compile_options(${target} PRIVATE -fPIC)  # as that header was compiled, also in programs
endfunction()

# atelier_library(<folder> SOURCES ... [PUBLIC libs...] [PRIVATE libs...])
function(atelier_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(atelier_${name} STATIC ${arg_SOURCES})
  add_library(atelier::${name} ALIAS atelier_${name})
  set_target_properties(atelier_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(atelier_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/atelier>)
  target_compile_features(atelier_${name} PUBLIC cxx_std_20)
  target_link_libraries(atelier_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} $<BUILD_INTERFACE:atelier_warnings>)
  set_property(GLOBAL APPEND PROPERTY ATELIER_INSTALLED atelier_${name})
  set_property(GLOBAL APPEND PROPERTY ATELIER_FOLDERS ${name})
endfunction()

# atelier_program(<name> SOURCE ... LIBRARIES ...): the target `programs` builds all of them.
add_custom_target(programs)
function(atelier_program name)
  cmake_parse_arguments(arg "" "" "SOURCE;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCE})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} atelier_warnings)
  set_target_properties(${name} PROPERTIES INSTALL_RPATH ${TORCH_INSTALL_PREFIX}/lib)  # LibTorch stays where it is, also inside the checkout
  add_dependencies(programs ${name})
  set_property(GLOBAL APPEND PROPERTY ATELIER_INSTALLED ${name})
endfunction()

# atelier_test(<folder> SOURCES ... LIBRARIES ...): one program a folder, one CTest entry a case.
function(atelier_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBRARIES} GTest::gtest GTest::gmock GTest::gtest_main atelier_warnings)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(test_${name} PRIVATE ATELIER_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ATELIER_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  include(GoogleTest)
  gtest_discover_tests(test_${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 300)
endfunction()
