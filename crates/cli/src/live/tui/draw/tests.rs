//! What the screen looks like.

use super::*;
