"""E2FGVI and E2FGVI-HQ, the video inpainting of the paper: our own implementation."""
