"""The image room: obtaining images, standing in for them, and getting them ready to run."""
