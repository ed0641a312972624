# For analysts: attach it to their role. They read the published tables and nothing else, and write nowhere here.

resource "aws_iam_policy" "readers" {
  name        = "${var.name}-readers"
  description = "Reads the published tables of ${var.name}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "FindTables"
        Effect   = "Allow"
        Action   = "s3:ListBucket"
        Resource = var.warehouse_arn
      },
      {
        Sid      = "ReadTables"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${var.warehouse_arn}/warehouse/*"
      },
      {
        # the rows that a red test found are for whoever mends them
        Sid      = "NotTheRowsOfFailedTests"
        Effect   = "Deny"
        Action   = "s3:GetObject"
        Resource = "${var.warehouse_arn}/warehouse/_failures/*"
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = var.kms_key_arn
      },
      ],
      var.glue_database == null ? [] : [{
        Sid    = "AskByAthena"
        Effect = "Allow"
        Action = ["glue:GetDatabase", "glue:GetTables", "glue:GetTable", "glue:GetPartitions", "glue:GetPartition", "glue:BatchGetPartition"]
        Resource = [
          "arn:${var.place.partition}:glue:${var.place.region}:${var.place.account}:catalog",
          "arn:${var.place.partition}:glue:${var.place.region}:${var.place.account}:database/${var.glue_database}",
          "arn:${var.place.partition}:glue:${var.place.region}:${var.place.account}:table/${var.glue_database}/*",
        ]
    }])
  })
}
