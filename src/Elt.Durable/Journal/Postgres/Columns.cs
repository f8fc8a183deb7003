using Npgsql;
using NpgsqlTypes;

namespace Elt.Durable.Journal.Postgres;

/// <summary>Writes as the columns of a statement's rows: an array for each.</summary>
internal static class Columns
{
    public static NpgsqlParameter Number(long? value) => new() { Value = value ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint };

    public static NpgsqlParameter Text<T>(List<T> writes, Func<T, string?> value) => Array(writes, value, NpgsqlDbType.Text);

    public static NpgsqlParameter CreationTimes<T>(List<T> writes)
        where T : OwnedWrite => Array(writes, w => w.Run.CreatedAt?.UtcDateTime, NpgsqlDbType.TimestampTz);

    public static NpgsqlParameter Times<T>(List<T> writes, Func<T, DateTimeOffset> value) => Array(writes, w => value(w).UtcDateTime, NpgsqlDbType.TimestampTz);

    public static NpgsqlParameter Array<T, TValue>(List<T> writes, Func<T, TValue> value, NpgsqlDbType type) =>
        Array(writes, writes.Count, value, type);

    private static NpgsqlParameter Array<T, TValue>(List<T> writes, int count, Func<T, TValue> value, NpgsqlDbType type)
    {
        var values = new TValue[count];
        for (var i = 0; i < count; i++)
            values[i] = value(writes[i]);
        return new NpgsqlParameter<TValue[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type };
    }

    /// <summary>A column that mostly has one value, sent without its end of such values: <c>unnest</c> gives null for what is missing.</summary>
    public static NpgsqlParameter Sparse<T, TValue>(List<T> writes, Func<T, TValue> value, TValue usual, NpgsqlDbType type)
    {
        var count = writes.Count;
        while (count > 0 && EqualityComparer<TValue>.Default.Equals(value(writes[count - 1]), usual))
            count--;
        return Array(writes, count, value, type);
    }

    public static NpgsqlParameter SparseText<T>(List<T> writes, Func<T, string?> value, string? usual = null) => Sparse(writes, value, usual, NpgsqlDbType.Text);
}
