import Refresh
