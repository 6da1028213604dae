"""The names of what is registered: our own, and former names of our modules."""

from harness.names.built_in import BUILT_IN as BUILT_IN
from harness.names.former import FORMER as FORMER
from harness.names.former import current as current
from harness.names.kinds import Kind as Kind
from harness.names.kinds import Registered as Registered
