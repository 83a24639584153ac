//! The screen against xterm.js.
