"""What a seccomp profile says, what each reader makes of it, and how it is changed."""
