namespace Elt.Pipelines.Warehouse;

/// <summary>What a column of a dataset holds.</summary>
internal enum ColumnKind
{
    /// <summary>Text as it came.</summary>
    Text,

    /// <summary>A whole number of 64 bits.</summary>
    Integer,

    /// <summary>A number of at most 1000 digits, all of which are kept.</summary>
    Decimal,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>An instant, to the microsecond.</summary>
    Timestamp,

    /// <summary>Any JSON value, in its canonical form.</summary>
    Json,

    /// <summary>Canonical JSON of all members that have no column of their own.</summary>
    RemainingMembers,
}

/// <summary>A tracked column of a dataset; every column may be NULL.</summary>
/// <param name="Name">Name of the column and of the source's member.</param>
/// <param name="Kind">How it is kept.</param>
internal sealed record DatasetColumn(string Name, ColumnKind Kind = ColumnKind.Text)
{
    /// <summary>Its type in SQLite; the first word says what it holds, the last one how that is kept.</summary>
    public string SqliteType => Kind switch
    {
        ColumnKind.Integer => "integer",
        // Text, since a number of SQLite has no more than 15 digits for certain.
        ColumnKind.Decimal => "decimal text",
        ColumnKind.Boolean => "boolean integer",
        ColumnKind.Timestamp => "timestamp text",
        ColumnKind.Json => "json text",
        _ => "text",
    };

    /// <summary>Its type in Postgres, as the catalog spells it.</summary>
    public string PostgresType => Kind switch
    {
        ColumnKind.Integer => "bigint",
        ColumnKind.Decimal => "numeric",
        ColumnKind.Boolean => "boolean",
        ColumnKind.Timestamp => "timestamp with time zone",
        ColumnKind.Json or ColumnKind.RemainingMembers => "jsonb",
        _ => "text",
    };

    /// <summary>Whether values that differ in their bytes may mean the same text.</summary>
    public bool IsText => Kind is ColumnKind.Text or ColumnKind.Json or ColumnKind.RemainingMembers;
}

/// <summary>
/// A kind of record that pipelines carry. Its tables are <c>name_staging</c>, <c>name_cdc</c> and <c>name_latest</c>; the statements on
/// them are made in <see cref="DatasetSql"/>.
/// </summary>
/// <param name="Name">Plural, lower case; begins the names of its tables.</param>
/// <param name="Columns">What is tracked for changes, in the order of the tables' columns.</param>
internal sealed record Dataset(string Name, IReadOnlyList<DatasetColumn> Columns)
{
    /// <summary>The built-in dataset: users of a directory.</summary>
    public static Dataset Users { get; } = new(
        "users", [new DatasetColumn("name"), new DatasetColumn("email"), new DatasetColumn("attributes", ColumnKind.RemainingMembers)])
    {
        Key = "Id of the user at the source.",
    };

    /// <summary>What identifies a record at its source, for people.</summary>
    public string Key { get; init; } = "";

    /// <summary>The one place that quotes the names that a dataset brings along; for SQLite and Postgres alike.</summary>
    public static string Quote(string identifier) => Elt.Durable.Ledger.PostgresIdentifier.Quote(identifier);

    /// <summary>The columns' names, quoted, each put through a format such as <c>"excluded.{0}"</c>, joined.</summary>
    public string Each(string format, string separator = ", ") =>
        Each(column => string.Format(System.Globalization.CultureInfo.InvariantCulture, format, Quote(column.Name)), separator);

    /// <summary>What is made of each column, joined.</summary>
    public string Each(Func<DatasetColumn, string> make, string separator = ", ") => string.Join(separator, Columns.Select(make));
}
