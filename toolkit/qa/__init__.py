"""Quality and privacy checks: frames in, numbers out."""
