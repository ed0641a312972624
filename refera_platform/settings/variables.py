"""Environment variables of the platform, and what each one means. ``stage`` alone reads them."""

from collections.abc import Mapping

ENVIRONMENT_VARIABLES: Mapping[str, str] = {
    "REFERA_STAGE": "Stage, which selects all addresses: `local` (default), `test` or `production`.",
    "REFERA_HOME": "Folder of the local stack, scratch files and Dagster's history; `.refera` in the checkout.",
    "REFERA_PROJECT": "Folder that declares the tables; `dbt` in the checkout, whose models are built in any case.",
    "REFERA_TIME_ZONE": "IANA zone whose midnight starts a partition; `UTC`.",
    "REFERA_FIRST_DAY": "Oldest daily partition that can exist; `2026-01-01`.",
    "REFERA_NOW": "An ISO instant with offset at which the clock stands still (demo and tests).",
    "REFERA_MEMORY_LIMIT": "Most memory one DuckDB session may take before it spills to disk; `1GB`.",
    "REFERA_HASH_KEY": "Secret of at least 16 bytes that keys the hashes of columns declared `hashed`.",
    "REFERA_PREVIEWS": "`on` or `off`: ten rows of each table in Dagster and its event log; `off` in production only.",
    "REFERA_RUNNER": "`local` (default), or `lambda`: a function on AWS Lambda reads the source, and Dagster calls it.",
    "REFERA_LAMBDA_EXTRACT": "lambda: name or ARN of the function that reads the source.",
    "REFERA_MESSAGES": "lambda, and in its function: bucket through which the function reports the result of a call, `s3://bucket`.",
    "REFERA_PIECE_ROWS": "In a function: most rows of a table's first snapshot that one call reads; `2000000`.",
    "REFERA_CLASSICMODELS_SECRET": "In a function: secret with the database's URL: text, JSON `url`, or RDS' fields.",
    "REFERA_HASH_KEY_SECRET": "In a function: secret with what `REFERA_HASH_KEY` holds elsewhere.",
    "REFERA_CLASSICMODELS_URL": "production: `mysql://user:password@host:3306/database?ssl_mode=verify_identity`.",
    "REFERA_LAKE": "production: root of the raw objects, `s3://bucket/raw`.",
    "REFERA_WAREHOUSE": "production: root of the published tables, `s3://bucket/warehouse`.",
    "REFERA_S3_ENDPOINT": "production: `https://host:port` of an S3 server that is not AWS; `?tls=off` behind http.",
    "REFERA_S3_REGION": "production: region of the buckets; `us-east-1`. Credentials come from the AWS chain.",
    "REFERA_GLUE_DATABASE": "production: Glue database that shows the published tables to Athena; empty for none.",
    "REFERA_ALERT_WEBHOOK": "Slack-compatible webhook for alerts of failures, `https://host/path`; empty for none.",
    "REFERA_ALERT_SMTP": "Server for alerts by e-mail, `smtp://user:password@host:587` or `smtps://…`; empty for none.",
    "REFERA_ALERT_MAIL_FROM": "Address that e-mails come from.",
    "REFERA_ALERT_MAIL_TO": "Addresses that e-mails go to, with commas between them.",
    "REFERA_UI_URL": "Base address of your Dagster UI, `https://host:port`: what alerts link to; empty for no links.",
}
