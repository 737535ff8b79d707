"""What we know: the product, shipped whole to functions and containers.

The five stages have a package each: `ingestion` (with `contract`, `readers`, `checks`, `profile`),
`feature_store` (`features` is what a user imports), `training` (with `evaluation`, `leaks`, `compiled`),
`serving` (with `rollout`) and `monitoring` (with `incidents`, `origins`). All of them use `messages`,
`errors`, `settings`, `columns`, `statistics` and `report`; `aws` alone touches AWS.
"""
