# SPDX-License-Identifier: Apache-2.0
"""What holds on SQLite holds on PostgreSQL: tests of tests/e2e, run again."""

from test_manager_etag import *  # noqa: F403
from test_manager_history import *  # noqa: F403
from test_manager_lists import *  # noqa: F403
from test_manager_places import *  # noqa: F403
from test_manager_race import *  # noqa: F403
from test_manager_stock_tokens import *  # noqa: F403

# These write into SQLite's file.
del test_history_of_a_deleted_place_is_deleted  # noqa: F821
del test_old_records_are_deleted_and_the_log_says_how_many  # noqa: F821
del test_places_are_listed_in_the_order_asked_for  # noqa: F821
