using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>What a commit returned.</summary>
internal sealed class CommitResults
{
    /// <summary>The runs that were created, where the statement says which.</summary>
    public Dictionary<string, (DateTimeOffset CreatedAt, bool Claimed)> Created { get; } = [];

    /// <summary>The time of the transaction.</summary>
    public DateTimeOffset Now { get; private set; }

    /// <summary>What is due now.</summary>
    public JournalHint Woke { get; private set; }

    /// <summary>The worker's number; <see langword="null"/> when it has no row.</summary>
    public long? Taken { get; private set; }

    /// <summary>Takes a row. Statements are told apart by their number of columns: three has only the start, four only the one that wakes, nine the lock.</summary>
    public void Read(NpgsqlDataReader reader)
    {
        switch (reader.FieldCount)
        {
            case 3:
                Created[reader.GetString(0)] = (reader.GetFieldValue<DateTimeOffset>(1), reader.GetBoolean(2));
                break;
            case 4:
                Woke = PostgresWakes.Hint(reader.GetBoolean(2), reader.GetBoolean(3));
                break;
            case 9:
                Taken = reader.IsDBNull(6) ? null : reader.GetInt64(6);
                Now = reader.GetFieldValue<DateTimeOffset>(8);
                break;
        }
    }
}
