"""The M2M method as array code: types, tracking, masks, background, poses, compositing."""
