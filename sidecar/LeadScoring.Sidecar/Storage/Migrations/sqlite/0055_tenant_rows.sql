-- Row-level security is PostgreSQL's: one file of SQLite has one user. The conditions of the queries, which a test reads, are the wall there.
select 1;
