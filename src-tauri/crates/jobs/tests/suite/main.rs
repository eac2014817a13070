//! Tests of the backend's public API: jobs, schedule, accounts, runs, without a window.

mod a_day;
mod accounts;
mod always_runs;
mod app_data;
mod bad_days;
mod clock;
mod damaged_database;
mod events;
mod health;
mod held_back;
mod jobs;
mod passphrases;
mod recovery_sheets;
mod restores;
mod runs;
mod schedule;
mod simulated;
mod support;
