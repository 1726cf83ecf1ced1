-- Gates (quiet hours, calendar, caps), variants, fallbacks, holdout, goals.

alter table touches
    add waited text,                                    -- what held it back before it was queued; null: nothing
    add variant text,
    add fallback smallint not null default 0,           -- so many channels were tried before
    add fallback_after interval,                        -- handed and not confirmed for so long, the next channel is taken
    add handed_at timestamptz,
    add fallback_at timestamptz,                        -- of one handed: when the next channel is taken
    add counted_on date,                                -- the customer's date on which a message counts under caps
    add limit_at timestamptz;                           -- its real end; at send_before it is held anew as long as this lies ahead
update touches set limit_at = send_before;
alter table touches alter limit_at set not null;
alter table touches drop constraint touches_kind_check;
alter table touches add constraint touches_kind_check check (kind in ('message', 'task', 'do', 'notice'));
alter table touches drop constraint touches_timeline_id_step_key;
alter table touches add constraint touches_once unique (timeline_id, step, fallback);
create index touches_counted on touches (customer_id, counted_on)
    where counted_on is not null and status in ('queued', 'sending', 'sent', 'handed', 'unknown');
create index touches_overstayed on touches (send_before) where status = 'queued';
create index touches_handed on touches (fallback_at) where status = 'handed' and fallback_at is not null;
create index touches_handed_key on touches (key) where status = 'handed';
create index touches_of_sop on touches (sop, id);

alter table timelines
    add holdout boolean not null default false,
    add goal_until timestamptz,                         -- so long the goal counts
    add converted_at timestamptz,                       -- the goal was reached, perhaps after the end
    add converted_by text;                              -- source and id of the event that reached it
create index timelines_awaiting_goal on timelines (customer_id, goal_until)
    where state <> 'active' and goal_until is not null and converted_at is null;
create index timelines_parked on timelines (sop, id) where state = 'active' and waiting = 'paused';
create index timelines_of_sop on timelines (sop, started_at);

create index events_decided on events (matched_at)      -- what SOPs were started, or refused to start, over a time
    where outcome ? 'started' or outcome ? 'refused';
