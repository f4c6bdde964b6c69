-- The part of a change that another anchor of the same model made. Null in rows of earlier versions: it is in the model's part there.
alter table scores add column calibration_points double precision null;
