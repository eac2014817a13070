//! Whole stories, end to end: what they share.
