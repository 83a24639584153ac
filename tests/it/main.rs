//! The integration tests: the real binary, real programs, real terminals. Every test is a sentence about behaviour, owns
//! its directories and processes, and ends them by id.
//!
//! `COOP_BIN` names another binary than the one that cargo has just built.

// The ban on clocks, files and processes is for ring 1 of the program; and `unwrap` is how a test fails.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

// Fixtures.
mod attack_plants;
mod attack_program;
mod attack_table;
mod attack_table_host;
mod door;
mod home;
mod hostile;
mod picture;
mod processes;
mod ran;
mod terminal;
mod wait;

// Tests, by what they are about.
mod activity;
mod agents;
mod attaching;
mod attack_bombs;
mod attack_scenes;
mod attacks;
mod box_attacks;
mod box_life;
mod box_secrets;
mod client_end;
mod coopfile;
mod crowds;
mod daemon_death;
mod daemon_life;
mod doctor;
mod documents;
mod endings;
mod first_command;
mod flow;
mod hostile_hands;
mod hostile_init;
mod kept;
mod limits;
mod long_commands;
mod many;
mod names;
mod peeking;
mod places;
mod queries;
mod real_work;
mod restarts;
mod scarcity;
mod screen_restore;
mod screens;
mod sizes;
mod source_order;
mod outer;
mod state_directory;
mod stillness;
mod survival;
mod trust;
mod untrusted;
