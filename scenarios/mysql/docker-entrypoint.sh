#!/bin/bash
# Makes a data folder on the first start, the way the MySQL image does: as root hand the folder over and drop to mysql,
# initialise, run a private server for the accounts, then become the server that was asked for.
set -eo pipefail
data=/var/lib/mysql

say() { printf '%s [Note] [Entrypoint]: %s\n' "$(date --rfc-3339=seconds)" "$*" >&2; }
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g")"; }
local_root() { mariadb --no-defaults --protocol=socket --user=root --socket="$private" "$@"; }

accounts() {
    # What mariadb-install-db adds for 127.0.0.1, ::1 and the host's name has no password, and would win over '%'.
    echo "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';"
    echo "DELETE FROM mysql.global_priv WHERE User = '';"
    echo 'FLUSH PRIVILEGES;'
    printf 'ALTER USER root@localhost IDENTIFIED BY %s;\n' "$(quoted "$MYSQL_ROOT_PASSWORD")"
    printf "CREATE USER root@'%%' IDENTIFIED BY %s;\n" "$(quoted "$MYSQL_ROOT_PASSWORD")"
    printf "GRANT ALL ON *.* TO root@'%%' WITH GRANT OPTION;\n"
    if [ -n "$MYSQL_DATABASE" ]; then
        printf 'CREATE DATABASE IF NOT EXISTS `%s`;\n' "$MYSQL_DATABASE"
    fi
    if [ -n "$MYSQL_USER" ] && [ -n "$MYSQL_PASSWORD" ]; then
        printf "CREATE USER %s@'%%' IDENTIFIED BY %s;\n" "$(quoted "$MYSQL_USER")" "$(quoted "$MYSQL_PASSWORD")"
        if [ -n "$MYSQL_DATABASE" ]; then
            printf "GRANT ALL ON \`%s\`.* TO %s@'%%';\n" "$MYSQL_DATABASE" "$(quoted "$MYSQL_USER")"
        fi
    fi
}

initialise() {
    if [ -z "$MYSQL_ROOT_PASSWORD" ] && [ -z "$MYSQL_ALLOW_EMPTY_PASSWORD" ]; then
        say 'Database is uninitialized and MYSQL_ROOT_PASSWORD is not set'
        exit 1
    fi
    say 'Initializing database files'
    mariadb-install-db --datadir="$data" --skip-test-db --skip-name-resolve \
        --auth-root-authentication-method=normal --cross-bootstrap >/dev/null
    say 'Starting temporary server'
    private=/var/run/mysqld/setup.sock
    "$@" --skip-networking --socket="$private" &
    server=$!
    until local_root --execute 'SELECT 1' >/dev/null 2>&1; do
        kill -0 "$server" || { say 'Temporary server ended'; exit 1; }
        sleep 0.1
    done
    accounts | local_root
    say 'Stopping temporary server'
    kill -TERM "$server"
    wait "$server"
    say 'MySQL init process done. Ready for start up.'
}

if [ "${1:0:1}" = - ]; then
    set -- mysqld "$@"
fi
if [ "$1" = mysqld ]; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$data" /var/run/mysqld
        find "$data" /var/run/mysqld \! -user mysql -exec chown mysql '{}' +
        say 'Switching to dedicated user mysql'
        exec gosu mysql "$0" "$@"
    fi
    [ -d "$data/mysql" ] || initialise "$@"
fi
exec "$@"
