-- Operating: who paused what, and why.

alter table pauses add who text;
alter table pauses add reason text;
