using System.Text.Json;

namespace Elt.Pipelines.Contracts;

/// <summary>The types that JSON knows, one or several.</summary>
[Flags]
internal enum ValueTypes
{
    None = 0,
    Null = 1,
    String = 2,
    Number = 4,
    Boolean = 8,
    Object = 16,
    Array = 32,
}

internal static class ValueTypeNames
{
    /// <summary>Those that a text holds without loss.</summary>
    public const ValueTypes Scalar = ValueTypes.String | ValueTypes.Number | ValueTypes.Boolean;

    /// <summary>The type of a value.</summary>
    public static ValueTypes TypeOf(this JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => ValueTypes.String,
        JsonValueKind.Number => ValueTypes.Number,
        JsonValueKind.True or JsonValueKind.False => ValueTypes.Boolean,
        JsonValueKind.Object => ValueTypes.Object,
        JsonValueKind.Array => ValueTypes.Array,
        _ => ValueTypes.Null,
    };

    /// <summary>Each of several types alone.</summary>
    public static IEnumerable<ValueTypes> Each(this ValueTypes types) => Enum.GetValues<ValueTypes>().Where(type => type != ValueTypes.None && types.HasFlag(type));

    /// <summary>The name of one type, as tables have it.</summary>
    public static string Name(this ValueTypes type) => type.ToString().ToLowerInvariant();

    /// <summary>The names of several types, for messages.</summary>
    public static string Names(this ValueTypes types) => string.Join(" or ", types.Each().Select(Name));
}
