namespace Elt.Pipelines.Changes;

/// <summary>What a source says of one record.</summary>
internal enum Presence
{
    /// <summary>It is there.</summary>
    There,

    /// <summary>It is gone, or out of scope.</summary>
    Gone,

    /// <summary>Nothing that could be understood.</summary>
    Unknown,
}
