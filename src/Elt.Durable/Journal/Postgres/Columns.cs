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

    public static NpgsqlParameter Array<T, TValue>(List<T> writes, Func<T, TValue> value, NpgsqlDbType type)
    {
        var values = new TValue[writes.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = value(writes[i]);
        return new NpgsqlParameter<TValue[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type };
    }

    /// <summary>A column whose values differ.</summary>
    public static Column<T> Column<T, TValue>(string name, Func<T, TValue> value, NpgsqlDbType type = NpgsqlDbType.Text) =>
        new(name, type, writes => Array(writes, value, type));

    /// <summary>A column that mostly has one value.</summary>
    public static Column<T> Column<T, TValue>(string name, Func<T, TValue> value, TValue usual, NpgsqlDbType type = NpgsqlDbType.Text) =>
        new(name, type, writes => Array(writes, value, type), usual is null ? "null" : $"'{usual}'", w => EqualityComparer<TValue>.Default.Equals(value(w), usual));
}
