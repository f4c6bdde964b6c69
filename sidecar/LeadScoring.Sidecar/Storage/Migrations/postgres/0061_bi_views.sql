-- Read-only views for BI tools: names and columns are kept from version to version, tables are not. No attributes, no reasons, no secrets; moments are UTC.
drop view if exists bi_leads;
drop view if exists bi_scores;
drop view if exists bi_outcomes;
drop view if exists bi_grades_daily;
drop view if exists bi_feedback;
drop view if exists bi_reviews;
drop view if exists bi_actions;
drop view if exists bi_models;
create view bi_leads as
select l.organization_id, l.lead_id, (to_timestamp(l.created_at_ms / 1000.0) at time zone 'UTC') as created_at, (to_timestamp(l.updated_at_ms / 1000.0) at time zone 'UTC') as updated_at, case when l.closed_at_ms is null then 1 else 0 end as is_open,
       l.score, l.grade, l.probability as conversion_probability, l.confidence, l.model_version, l.scored_by, (to_timestamp(l.scored_at_ms / 1000.0) at time zone 'UTC') as scored_at, l.exclusion, l.slice,
       (select o.grade from overrides o where o.organization_id = l.organization_id and o.lead_id = l.lead_id and o.removed_at_ms is null and (o.until_ms is null or o.until_ms > (extract(epoch from now()) * 1000)::bigint)
        order by o.change desc limit 1) as override_grade
from leads l;

create view bi_scores as
select s.organization_id, s.lead_id, s.change, (to_timestamp(s.scored_at_ms / 1000.0) at time zone 'UTC') as scored_at, s.score, s.grade, s.probability as conversion_probability, s.confidence, s.model_version, s.scored_by, s.needs_review,
       s.cause, s.new_data_points, s.elapsed_time_points, s.model_points, s.calibration_points
from scores s;

-- The newest outcome of each lead, with the score that stood when the team decided: by the outcome's as_of, else the first action, else the first score. Leads that were scored after their outcome alone have no score here.
create view bi_outcomes as
select d.organization_id, d.lead_id, d.converted, (to_timestamp(d.occurred_at_ms / 1000.0) at time zone 'UTC') as occurred_at, d.revenue, d.stage, d.source, d.is_final,
       (to_timestamp(s.scored_at_ms / 1000.0) at time zone 'UTC') as decided_at, s.score as decided_score, s.grade as decided_grade, s.probability as decided_probability, s.model_version as decided_by_model
from (select o.organization_id, o.lead_id, o.source, o.converted, o.occurred_at_ms, o.as_of_ms, o.revenue, o.stage, o.is_final, (select min(a.taken_at_ms) from actions_taken a where a.organization_id = o.organization_id and a.lead_id = o.lead_id and a.taken_at_ms < o.occurred_at_ms) as contact_ms
      from (select r.organization_id, r.lead_id, r.source, r.converted, r.occurred_at_ms, r.as_of_ms, r.revenue, r.stage, r.is_final, row_number() over (partition by r.organization_id, r.lead_id order by r.occurred_at_ms desc, r.converted desc, r.source) as place from outcomes r) as o
      where o.place = 1) as d
left join scores s on s.organization_id = d.organization_id and s.lead_id = d.lead_id and s.scored_at_ms < d.occurred_at_ms
    and s.change = case when coalesce(d.as_of_ms, d.contact_ms) is null then 1 else coalesce((select max(c.change) from scores c
        where c.organization_id = d.organization_id and c.lead_id = d.lead_id and c.scored_at_ms <= coalesce(d.as_of_ms, d.contact_ms)), 1) end;

-- A row a day and grade: leads that got their first score that day, changes of score to this grade, and their mean.
create view bi_grades_daily as
select s.organization_id, (to_timestamp(s.scored_at_ms / 1000.0) at time zone 'UTC')::date as day, s.grade, sum(case when s.change = 1 then 1 else 0 end) as first_scored, sum(case when s.change > 1 then 1 else 0 end) as rescored, avg(s.score) as mean_score
from scores s group by s.organization_id, (to_timestamp(s.scored_at_ms / 1000.0) at time zone 'UTC')::date, s.grade;

create view bi_feedback as
select f.organization_id, f.lead_id, f.verdict, (to_timestamp(f.given_at_ms / 1000.0) at time zone 'UTC') as given_at, f.score, f.grade, f.probability as conversion_probability, f.model_version from feedback f;

create view bi_reviews as
select r.organization_id, r.lead_id, r.is_random, r.is_low_confidence, r.selection_probability, r.score, r.grade, r.probability as conversion_probability, r.confidence, r.model_version, (to_timestamp(r.selected_at_ms / 1000.0) at time zone 'UTC') as selected_at, r.verdict, (to_timestamp(r.reviewed_at_ms / 1000.0) at time zone 'UTC') as reviewed_at
from reviews r;

create view bi_actions as
select a.organization_id, a.lead_id, a.action_id, a.channel, (to_timestamp(a.taken_at_ms / 1000.0) at time zone 'UTC') as taken_at, a.result, (to_timestamp(a.result_at_ms / 1000.0) at time zone 'UTC') as result_at from actions_taken a;

create view bi_models as
select m.organization_id, m.version, m.origin, (to_timestamp(m.created_at_ms / 1000.0) at time zone 'UTC') as created_at, case when m.version = (select p.version from promotions p where p.organization_id = m.organization_id order by p.change desc limit 1) then 1 else 0 end as is_champion,
       (select (to_timestamp(max(p.promoted_at_ms) / 1000.0) at time zone 'UTC') from promotions p where p.organization_id = m.organization_id and p.version = m.version) as last_promoted_at
from models m;
