-- Keys end by themselves, change their secret with an overlap, and tell when they were used.
alter table api_keys add column expires_at_ms bigint null;
alter table api_keys add column previous_sha256 bytea null;
alter table api_keys add column previous_until_ms bigint null;
alter table api_keys add column last_used_at_ms bigint null;
