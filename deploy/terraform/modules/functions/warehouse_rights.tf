# What building the warehouse needs, wherever it is built: in a function, or in a run of Dagster.

locals {
  builds_the_warehouse = concat([
    {
      # of whole buckets: with a condition on the prefix S3 would say "denied" of an object that is not there
      Sid      = "FindRawObjects"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = var.lake.arn
    },
    {
      Sid      = "ReadRawObjects"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "${var.lake.arn}/raw/*"
    },
    {
      Sid      = "FindTables"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = var.warehouse.arn
    },
    {
      Sid      = "PublishTables"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      Resource = "${var.warehouse.arn}/warehouse/*"
    },
    ],
    var.glue_database == null ? [] : [{
      Sid    = "ShowTablesToAthena"
      Effect = "Allow"
      Action = [
        "glue:GetDatabase", "glue:CreateDatabase", "glue:GetTables", "glue:GetTable", "glue:CreateTable", "glue:UpdateTable",
        "glue:DeleteTable", "glue:GetPartitions", "glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:BatchDeletePartition",
      ]
      Resource = [
        "arn:${var.place.partition}:glue:${var.place.region}:${var.place.account}:catalog",
        "arn:${var.place.partition}:glue:${var.place.region}:${var.place.account}:database/${var.glue_database}",
        "arn:${var.place.partition}:glue:${var.place.region}:${var.place.account}:table/${var.glue_database}/*",
      ]
  }])
}
