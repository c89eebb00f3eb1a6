# `cmake --install`: headers under include/atelier, libraries, programs, presets, and find_package(atelier).

include(CMakePackageConfigHelpers)
get_property(installed GLOBAL PROPERTY ATELIER_INSTALLED)
get_property(folders GLOBAL PROPERTY ATELIER_FOLDERS)

install(TARGETS ${installed} atelier_torch EXPORT atelier)
foreach(folder ${folders})
  install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/atelier FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/atelier/configs FILES_MATCHING PATTERN "*.yaml")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/atelier)
install(EXPORT atelier NAMESPACE atelier:: FILE atelierTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/atelierConfig.cmake.in ${CMAKE_BINARY_DIR}/atelierConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/atelierConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/atelierConfig.cmake ${CMAKE_BINARY_DIR}/atelierConfigVersion.cmake
  cmake/AtelierDependencies.cmake DESTINATION ${package_dir})
