"""Public batteries: what every family, network and representation must pass.

from mynah.testing import check_model
"""

from mynah.testing.generators import *  # noqa: F403
from mynah.testing.models import *  # noqa: F403
