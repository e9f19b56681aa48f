#!/bin/sh
# Hands the data folder over and drops to redis, the way the redis image does.
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
    set -- redis-server "$@"
fi
if [ "$1" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis '{}' +
        exec gosu redis "$0" "$@"
    fi
    umask 0077
    # The image's server is built without protected mode: a published port is the point of it.
    set -- "$@" --protected-mode no
fi
exec "$@"
