"""Claims of the papers, each a statistic of the tables that supports it, contradicts it, or leaves it open."""
