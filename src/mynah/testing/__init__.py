"""Public batteries: what every family, network and representation must pass.

from mynah.testing import check_model
"""

from mynah.testing.composers import *  # noqa: F403
from mynah.testing.fits import *  # noqa: F403
from mynah.testing.generators import *  # noqa: F403
from mynah.testing.models import *  # noqa: F403
