# The libraries of DESIGN, found by pkg-config; versions are those of Debian 12.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ROLL_DEPS REQUIRED IMPORTED_TARGET
  glib-2.0>=2.72 libcurl>=7.81 jansson>=2.13 libgit2>=1.1 sqlite3>=3.37 libcrypto>=3.0 libmicrohttpd>=0.9.75)
add_library(roll_deps INTERFACE)
target_link_libraries(roll_deps INTERFACE PkgConfig::ROLL_DEPS)
if(BUILD_TESTING)
  pkg_check_modules(ROLL_CHECK REQUIRED IMPORTED_TARGET check)
endif()
