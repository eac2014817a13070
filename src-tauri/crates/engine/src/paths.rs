/// What separates the parts of stored paths on this system.
pub const SEPARATOR: char = std::path::MAIN_SEPARATOR;
