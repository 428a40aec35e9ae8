# cmake -DIN=state/NAME.sql -DOUT=NAME_sql.h -DNAME=NAME -P sql_to_c.cmake: named statements as an enum and an array.
# Comment lines and empty lines are left out, all else stays as it is written.
cmake_minimum_required(VERSION 3.22)
file(READ ${IN} text)
string(ASCII 1 semicolon)
string(ASCII 2 left)
string(ASCII 3 right)
string(ASCII 4 line_end)
# Semicolons and brackets have a meaning in cmake's lists; they are hidden while the text is cut into lines. Empty lines
# get a mark, since lists lose empty elements.
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE ";" "${semicolon}" text "${text}")
string(REPLACE "[" "${left}" text "${text}")
string(REPLACE "]" "${right}" text "${text}")
string(REPLACE "\n" "${line_end};" lines "${text}\n")
string(TOUPPER ${NAME} upper)
set(enum "")
set(array "")
set(names "")
set(open FALSE)
set(number 0)

macro(refuse what)
  message(FATAL_ERROR "${IN}, line ${number}: ${what}")
endmacro()

macro(close_statement)
  if(open)
    if(NOT has_body)
      refuse("the statement before has no text")
    endif()
    string(APPEND array "},\n")
  endif()
endmacro()

foreach(line IN LISTS lines)
  math(EXPR number "${number} + 1")
  string(REPLACE "${line_end}" "" line "${line}")
  if(line MATCHES "^ *-- *name")
    if(NOT line MATCHES "^-- name: ([a-z][a-z0-9_]*)$")
      refuse("a name is written '-- name: lower_case' and nothing else")
    endif()
    set(name ${CMAKE_MATCH_1})
    if(name IN_LIST names)
      refuse("the name '${name}' is there twice")
    endif()
    close_statement()
    list(APPEND names ${name})
    string(TOUPPER ${name} statement)
    string(APPEND enum "    ${upper}_${statement},\n")
    string(APPEND array "    {\"${name}\",")
    set(open TRUE)
    set(has_body FALSE)
  elseif(NOT line MATCHES "^ *--" AND NOT line MATCHES "^[ \t\r]*$")
    if(NOT open)
      refuse("text before the first '-- name:'")
    endif()
    string(APPEND array "\n     \"${line}\\n\"")
    set(has_body TRUE)
  endif()
endforeach()
close_statement()
string(REPLACE "${semicolon}" ";" array "${array}")
string(REPLACE "${left}" "[" array "${array}")
string(REPLACE "${right}" "]" array "${array}")
file(WRITE ${OUT} "/* Made from ${NAME}.sql at build time. */
#include \"rollbook/sql.h\"
enum ${NAME}_statement {
${enum}    ${upper}_STATEMENTS
};
static const struct roll_sql_text ${NAME}_statements[] = {
${array}};
")
