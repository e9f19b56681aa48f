#!/bin/sh
# Runs whatever was asked for; the image this stands in for does no more when /docker-entrypoint.d is empty.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
    for script in /docker-entrypoint.d/*.sh; do
        if [ -x "$script" ]; then "$script"; fi
    done
fi
exec "$@"
