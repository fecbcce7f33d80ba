#!/bin/sh
# Playwright tells Firefox to end when one of its tabs crashes. As people have it, the others go on.
unset MOZ_CRASHREPORTER_SHUTDOWN
exec "$RIVULET_FIREFOX" "$@"
