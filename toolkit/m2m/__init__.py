"""The M2M method as array code: types, tracking, mask post-processing, inverse kinematics, compositing."""
