-- Silence, purchases and activities over time, metrics, slots.

alter table customers add known_since timestamptz;      -- time of the earliest event about the customer

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
create index customer_clocks_due on customer_clocks (next_at, customer_id) where next_at is not null;

create table activity_log (                             -- what metrics count
    event_id bigint primary key,
    customer_id bigint not null references customers on delete cascade,
    type text not null,
    at timestamptz not null
);
create index activity_log_by_type on activity_log (type, at) include (customer_id);
create index activity_log_of_customer on activity_log (customer_id, type, at);

create table purchases (                                -- by order: a later event with the same order corrects it
    customer_id bigint not null references customers on delete cascade,
    order_id text not null,
    at timestamptz not null,
    amount numeric(18, 2) not null,
    currency text,
    refunded numeric(18, 2) not null default 0,
    written_at timestamptz not null,                    -- the latest event that said so
    primary key (customer_id, order_id)
);
create index purchases_by_time on purchases (at) include (customer_id, amount, refunded);

create table customer_metrics (
    customer_id bigint primary key references customers on delete cascade,
    values jsonb not null,                              -- metric: number, as of the last refresh
    refreshed_at timestamptz not null
);

create table crons (
    name text primary key,
    last_slot timestamptz not null,                     -- up to here everything is done
    slot timestamptz,                                   -- the slot under way
    cursor bigint not null default 0                    -- customers up to this id are done in it
);

alter table dimension_history add why text;

alter table timelines add started_at timestamptz;       -- when it started; the anchor may lie elsewhere (dates, existing)
update timelines set started_at = anchor;
alter table timelines alter started_at set not null;

create table joining (                                  -- SOPs whose `existing` customers are being taken in
    sop text primary key,
    version integer not null,
    per_day integer,                                    -- null: all at once
    cursor bigint not null default 0,
    day date,                                           -- the day last counted
    taken integer not null default 0,                   -- taken in on that day
    done_at timestamptz
);

create table rethresholding (                           -- clocks whose thresholds changed: set anew in the background
    clock text primary key,
    thresholds integer[] not null,
    before integer[] not null default '{}',
    cursor bigint not null default 0,
    done_at timestamptz
);
