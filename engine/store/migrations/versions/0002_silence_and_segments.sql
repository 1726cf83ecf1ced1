-- Silence, purchases and activities over time, metrics, slots.

alter table customers add known_since timestamptz;      -- time of the earliest event about the customer
update customers c set known_since = (select min(e.time) from events e where e.subject = c.ref);

create table customer_clocks (
    customer_id bigint not null references customers on delete cascade,
    clock text not null,
    last_at timestamptz not null,                       -- last activity; before the first one, since when the customer is known
    active boolean not null,                            -- there was an activity
    level integer not null default 0,                   -- days of the highest threshold crossed since
    next_days integer,
    next_at timestamptz,                                -- when the next threshold is crossed
    primary key (customer_id, clock),
    check ((next_days is null) = (next_at is null))
);
create index customer_clocks_due on customer_clocks (next_at, customer_id, clock) where next_at is not null;

create table activity_log (                             -- what metrics count
    event_id bigint primary key,
    customer_id bigint not null references customers on delete cascade,
    type text not null,
    at timestamptz not null
);
create index activity_log_by_type on activity_log (type, at) include (customer_id);
create index activity_log_of_customer on activity_log (customer_id, type, at);

create table purchases (                                -- by order; what is null is not known yet: a refund may come before its purchase
    customer_id bigint not null references customers on delete cascade,
    order_id text not null,
    at timestamptz,                                     -- of the earliest purchase event
    amount numeric(18, 2),
    currency text,
    written_at timestamptz,                             -- the latest purchase event: its amount counts
    refunded numeric(18, 2) not null default 0,
    refunded_at timestamptz,                            -- the latest refund event: its amount counts
    primary key (customer_id, order_id),
    check ((at is null) = (amount is null))
);

create table customer_metrics (
    customer_id bigint primary key references customers on delete cascade,
    values jsonb not null,                              -- metric: number, as of the last refresh
    refreshed_at timestamptz not null
);

create table crons (
    name text primary key,
    last_slot timestamptz not null,                     -- up to here everything is done
    slot timestamptz,                                   -- the slot under way
    cursor bigint not null default 0,                   -- customers up to this id are done in it
    next_at timestamptz                                 -- when the next slot is, where that is known
);
create index customers_by_timezone on customers (timezone) where timezone is not null;

alter table dimension_history add why text;

alter table timelines add started_at timestamptz;       -- when it started; the anchor may lie elsewhere (dates, existing)
update timelines set started_at = anchor;
alter table timelines alter started_at set not null;

create table joining (                                  -- SOPs whose `existing` customers are being taken in
    sop text primary key,
    cursor bigint not null default 0,                   -- customers up to this id are done
    day date,                                           -- the day last counted, in the engine's zone
    taken integer not null default 0,                   -- taken in on that day
    done_at timestamptz
);

create table rethresholding (                           -- clocks are set anew, customer by customer, when their definition changed
    only_one boolean primary key default true check (only_one),
    basis jsonb not null,                               -- what clocks were defined by: zone, kinds, lifecycle, thresholds
    since jsonb not null,                               -- clock: {days: since when this threshold is defined}
    cursor bigint not null default 0,                   -- customers up to this id are done
    done_at timestamptz
);
-- Texts and local times as moments, read as engine/core/conditions/evaluate.py and timing.py read them.

create function known_zone(zone text, otherwise text) returns text language plpgsql stable parallel safe as $$
begin
    if zone is null then return otherwise; end if;
    perform timestamptz '2000-01-01 00:00Z' at time zone zone;
    return zone;
exception when invalid_parameter_value then return otherwise;
end $$;

create function local_moment(local timestamp, zone text) returns timestamptz language sql stable parallel safe as $$
    -- a local time that exists twice is taken the first time; PostgreSQL takes the second
    select coalesce((select (local at time zone zone) - shift from unnest(array[interval '2 hours', '1 hour', '30 minutes']) shift
                     where ((local at time zone zone) - shift) at time zone zone = local limit 1), local at time zone zone) $$;

create function moment_of(value text, zone text) returns timestamptz language plpgsql stable parallel safe as $$
declare moment timestamptz;
begin
    if value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?$' then
        return null;
    end if;
    if value ~ ':[0-9.]+(Z|[+-][0-9]{2}:[0-9]{2})$' then moment := value::timestamptz; else moment := local_moment(value::timestamp, zone); end if;
    if moment < '0001-01-01 00:00Z' or moment >= '10000-01-01 00:00Z' then return null; end if;
    return moment;
exception when datetime_field_overflow or invalid_datetime_format then return null;
end $$;
