pytest_plugins = ["cs_framework.testing.fixtures"]
