-- A sample for the generator of named statements: all that has a meaning in SQL, in C or in CMake's lists.
-- Comments before the first statement belong to none.

-- name: schema
-- A comment line is left out.
CREATE TABLE t ([a;b] TEXT, "c" TEXT); -- behind a statement; it stays [
CREATE TRIGGER t_no BEFORE DELETE ON t BEGIN
  SELECT RAISE(ABORT, 'no; "never" \n [at] all');
END;

-- name: insert_row2
INSERT INTO t([a;b], "c")

  VALUES (:a, '${x} $<1> @y@ %s \ ] ; [[');

-- name: select_row
SELECT "c" FROM t WHERE [a;b] = :a
