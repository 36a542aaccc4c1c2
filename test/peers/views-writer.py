"""python3-psycopg2 as a LIS that fills its own table: views-writer.py <dsn> <statements.sql as JSON list on stdin>. Each statement is committed by itself."""
import json
import sys

import psycopg2

connection = psycopg2.connect(sys.argv[1])
for statement, values in json.load(sys.stdin):
    with connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
connection.close()
print("written")
