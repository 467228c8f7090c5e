# What `cmake --install` puts beside the program: the rooms as libraries, their headers, and what tells other builds of
# them. Headers include each other from include/primer on, as they do from the repository. All of it may be moved.
include(CMakePackageConfigHelpers)
set(rooms train data optim nn autograd)  # each before those that it uses, as a linker wants them
set(package lib/cmake/primer)

set_target_properties(primer_flags PROPERTIES EXPORT_NAME flags)
list(TRANSFORM rooms PREPEND primer_ OUTPUT_VARIABLE targets)
install(TARGETS primer_flags ${targets} EXPORT primerTargets ARCHIVE DESTINATION lib COMPONENT library)
foreach(room IN LISTS rooms)
  install(DIRECTORY ${room} DESTINATION include/primer COMPONENT library FILES_MATCHING PATTERN "*.h")
endforeach()

# find_package(primer)
install(EXPORT primerTargets NAMESPACE primer:: DESTINATION ${package} COMPONENT library)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/primerConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/primerConfig.cmake ${PROJECT_BINARY_DIR}/primerConfigVersion.cmake DESTINATION ${package}
        COMPONENT library)

# pkg-config primer
list(TRANSFORM rooms REPLACE "(.+)" "-lprimer_\\1" OUTPUT_VARIABLE libraries)
list(JOIN libraries " " libraries)
get_filename_component(openblas ${PRIMER_OPENBLAS} DIRECTORY)
file(CONFIGURE OUTPUT primer.pc.in @ONLY CONTENT [[prefix=${pcfiledir}/../..

Name: primer
Description: @CMAKE_PROJECT_DESCRIPTION@
Version: @PROJECT_VERSION@
Cflags: -I${prefix}/include/primer $<JOIN:$<TARGET_PROPERTY:primer_flags,INTERFACE_COMPILE_OPTIONS>, >
Libs: -L${prefix}/lib @libraries@ @PRIMER_OPENBLAS@ -Wl,-rpath,@openblas@ @PRIMER_UTF8PROC@ @OpenMP_CXX_FLAGS@
]])
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/primer.pc INPUT ${CMAKE_CURRENT_BINARY_DIR}/primer.pc.in)
install(FILES ${PROJECT_BINARY_DIR}/primer.pc DESTINATION lib/pkgconfig COMPONENT library)
